# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replica sets: their shape, the safe way from one shape to another, what is refused, and the servers themselves.

* address: host names and ports as people write them;
* config: shapes, reading and writing the server's configuration document, the declared configuration;
* rules: what is refused before anything changes;
* steps: the safe steps from one configuration to another;
* server: finding the primary and carrying steps out;
* restart: when and in which order one member may go down.

Everything but server is pure.

PRIVATE to the collection.
"""
