-- +goose Up
-- The Merkle tree of each log, as far as it is built: how many records are in
-- it, the hashes of the fewest complete subtrees that cover them, and the
-- checkpoint that was signed for that size.
CREATE TABLE audit_trees (
    log_id     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    size       BIGINT NOT NULL,
    nodes      BYTEA NOT NULL,
    checkpoint TEXT COLLATE "C" NOT NULL, -- '' without a signing key
    time       BIGINT NOT NULL
) WITH (fillfactor = 50); -- room to update in place

-- The hashes of the levels that tiles are made of, 32 to a row, so that what
-- a new record rewrites is small.
CREATE TABLE audit_tiles (
    log_id TEXT COLLATE "C" NOT NULL,
    level  INTEGER NOT NULL, -- of the tiles: 0 has the leaves, 1 the roots of 256 of them
    idx    BIGINT NOT NULL, -- of the row in its level
    data   BYTEA NOT NULL,
    PRIMARY KEY (log_id, level, idx)
);

-- The last checkpoint of each log that witnesses have cosigned.
CREATE TABLE audit_cosignatures (
    log_id     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    size       BIGINT NOT NULL,
    checkpoint TEXT COLLATE "C" NOT NULL
);
