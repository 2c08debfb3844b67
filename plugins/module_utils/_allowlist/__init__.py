# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The allowlist engine: which sources may reach the MongoDB ports, as a declaration, a rule set and a file.

``sources`` reads addresses, ``declaration`` holds and revises what is declared, ``ruleset`` turns it into an nft
script and back, ``kernel`` and ``store`` talk to nft and to the file, ``plan`` compares the three.

PRIVATE to the collection.
"""
