-- What one commit put into the outbox, or a part of it, is one row.
CREATE TABLE outbox_blocks (
  sequence INTEGER PRIMARY KEY, -- of the first event; the others follow without gaps
  count INTEGER NOT NULL,
  events TEXT NOT NULL -- JSON: an array of them
) STRICT;

INSERT INTO outbox_blocks (sequence, count, events)
  SELECT sequence, 1, '[' || event || ']' FROM outbox;

DROP TABLE outbox;

ALTER TABLE outbox_blocks RENAME TO outbox;
