-- Changes of twins that are not in their rows of `twins` yet: one row holds those of one commit, or a part of them. A
-- later row is newer than an earlier one.
CREATE TABLE twin_journal (
  sequence INTEGER PRIMARY KEY,
  twins BLOB NOT NULL -- JSON in UTF-8: an array with one array for each twin (journal-block.ts)
) STRICT;
