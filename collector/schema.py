# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The tables of collector.sqlite, version 3. One row a reading, clustered by identity, no second index.

`source` and `field` are small numbers for (node, epoch) and (name, unit, kind, exponent), so a reading costs some 25 bytes.
A NUMBER's value is its mantissa; `field.exponent` says the resolution. `time_ms` is city time where `boot` is null, else
node time of that boot: times are resolved when they are read, because an anchor may come later. `batch.leans` is 1 for a body that
leans on the batch whose digest is `link`, 0 for one that starts its node table, null for one that nothing will make readable.
"""

VERSION = 3

# From the version before to this one.
UNREAD = "CREATE INDEX unread ON batch (chain, number) WHERE defect IS NOT NULL AND leans = 1;\n"
MIGRATIONS = {
    1: "ALTER TABLE anchor ADD COLUMN drift_ppm INTEGER NOT NULL DEFAULT 100;",
    2: f"ALTER TABLE batch ADD COLUMN link BLOB; ALTER TABLE batch ADD COLUMN leans INTEGER; {UNREAD}",
}

TABLES = f"""
CREATE TABLE source (
    id INTEGER PRIMARY KEY, node BLOB NOT NULL, epoch BLOB NOT NULL,
    frames INTEGER NOT NULL DEFAULT 0, readings INTEGER NOT NULL DEFAULT 0, UNIQUE (node, epoch));
CREATE TABLE field (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, unit TEXT NOT NULL, kind INTEGER NOT NULL, exponent INTEGER NOT NULL,
    UNIQUE (name, unit, kind, exponent));
CREATE TABLE reading (
    source INTEGER NOT NULL, sequence INTEGER NOT NULL, place INTEGER NOT NULL, field INTEGER NOT NULL,
    time_ms INTEGER NOT NULL, boot INTEGER, value NOT NULL, quality INTEGER NOT NULL, batch INTEGER NOT NULL,
    PRIMARY KEY (source, sequence, place)) WITHOUT ROWID;
CREATE TABLE opaque (
    source INTEGER NOT NULL, sequence INTEGER NOT NULL, reason INTEGER NOT NULL, pack BLOB NOT NULL, batch INTEGER NOT NULL,
    PRIMARY KEY (source, sequence)) WITHOUT ROWID;
CREATE TABLE own (
    batch INTEGER NOT NULL, place INTEGER NOT NULL, name TEXT NOT NULL, time_ms INTEGER, exponent INTEGER, value NOT NULL,
    PRIMARY KEY (batch, place)) WITHOUT ROWID;
CREATE TABLE chain (
    id INTEGER PRIMARY KEY, gateway TEXT NOT NULL, lane INTEGER NOT NULL, instance BLOB NOT NULL,
    UNIQUE (gateway, lane, instance));
CREATE TABLE branch (
    chain INTEGER NOT NULL, place INTEGER NOT NULL, number INTEGER NOT NULL, link BLOB NOT NULL, node_table BLOB,
    PRIMARY KEY (chain, place)) WITHOUT ROWID;
CREATE TABLE batch (
    id INTEGER PRIMARY KEY, chain INTEGER NOT NULL, number INTEGER NOT NULL, digest BLOB NOT NULL, branch INTEGER NOT NULL,
    wall_ms INTEGER, bound_s INTEGER, frames INTEGER NOT NULL, readings INTEGER NOT NULL, bytes INTEGER NOT NULL,
    defect TEXT, link BLOB, leans INTEGER, UNIQUE (chain, number, digest));
{UNREAD}CREATE TABLE gap (
    chain INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, reason INTEGER NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (chain, last, digest)) WITHOUT ROWID;
CREATE TABLE promise (
    chain_gateway TEXT NOT NULL, lane INTEGER NOT NULL, instance BLOB NOT NULL, number INTEGER NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (chain_gateway, lane, instance)) WITHOUT ROWID;
CREATE TABLE gateway (
    id TEXT PRIMARY KEY, online INTEGER NOT NULL, wall_ms INTEGER, clock_state INTEGER NOT NULL, bound_s INTEGER) WITHOUT ROWID;
CREATE TABLE anchor (
    source INTEGER NOT NULL, boot INTEGER NOT NULL, node_ms INTEGER NOT NULL, city_ms INTEGER NOT NULL, bound_ms INTEGER NOT NULL,
    drift_ppm INTEGER NOT NULL DEFAULT 100, PRIMARY KEY (source, boot, node_ms, city_ms)) WITHOUT ROWID;
CREATE TABLE boot_window (
    source INTEGER NOT NULL, boot INTEGER NOT NULL, first_sequence INTEGER NOT NULL, last_sequence INTEGER NOT NULL,
    latest_offset_ms INTEGER, PRIMARY KEY (source, boot)) WITHOUT ROWID;
CREATE TABLE conflict (
    id INTEGER PRIMARY KEY, source INTEGER NOT NULL, sequence INTEGER NOT NULL, batch INTEGER NOT NULL, contents TEXT NOT NULL,
    UNIQUE (source, sequence, batch));
CREATE TABLE event (
    id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, gateway TEXT NOT NULL, lane INTEGER, kind TEXT NOT NULL, detail TEXT NOT NULL);
CREATE TABLE counter (name TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
"""
