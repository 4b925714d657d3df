-- +goose Up
-- The Merkle tree of each log, as far as it is built: how many records are in
-- it, the hashes of the fewest complete subtrees that cover them, and the
-- checkpoint that was signed for that size.
CREATE TABLE audit_trees (
    log_id     TEXT    NOT NULL PRIMARY KEY,
    size       INTEGER NOT NULL,
    nodes      BLOB    NOT NULL,
    checkpoint TEXT    NOT NULL, -- '' without a signing key
    time       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The hashes of the levels that tiles are made of, 32 to a row, so that what
-- a new record rewrites is small.
CREATE TABLE audit_tiles (
    log_id TEXT    NOT NULL,
    level  INTEGER NOT NULL, -- of the tiles: 0 has the leaves, 1 the roots of 256 of them
    idx    INTEGER NOT NULL, -- of the row in its level
    data   BLOB    NOT NULL,
    PRIMARY KEY (log_id, level, idx)
) STRICT, WITHOUT ROWID;

-- The last checkpoint of each log that witnesses have cosigned.
CREATE TABLE audit_cosignatures (
    log_id     TEXT    NOT NULL PRIMARY KEY,
    size       INTEGER NOT NULL,
    checkpoint TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
