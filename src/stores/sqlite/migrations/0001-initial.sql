-- A device has the module id ''. Ids compare as bytes (BINARY), as everywhere in the hub.

CREATE TABLE identities (
  device_id TEXT NOT NULL,
  module_id TEXT NOT NULL,
  doc BLOB NOT NULL, -- JSONB of the whole identity
  UNIQUE (device_id, module_id)
) STRICT;

CREATE TABLE twins (
  device_id TEXT NOT NULL,
  module_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  etag_counter INTEGER NOT NULL,
  desired_version INTEGER NOT NULL,
  reported_version INTEGER NOT NULL,
  metadata TEXT NOT NULL, -- JSON: {"desired": …, "reported": …}
  doc BLOB NOT NULL, -- JSONB: tags, properties.desired, properties.reported, modelId, configurations
  UNIQUE (device_id, module_id)
) STRICT;

CREATE TABLE presence (
  device_id TEXT NOT NULL,
  module_id TEXT NOT NULL,
  connected INTEGER NOT NULL,
  state_updated_time INTEGER NOT NULL, -- milliseconds since 1970, as all times
  last_activity_time INTEGER NOT NULL,
  detail TEXT NOT NULL, -- JSON: which connection it is or was, over what, why it ended
  PRIMARY KEY (device_id, module_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
  device_id TEXT NOT NULL,
  module_id TEXT NOT NULL,
  doc TEXT NOT NULL,
  PRIMARY KEY (device_id, module_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE policies (
  name TEXT PRIMARY KEY,
  doc TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE documents (
  collection TEXT NOT NULL,
  id TEXT NOT NULL,
  doc BLOB NOT NULL, -- JSONB
  UNIQUE (collection, id)
) STRICT;

CREATE TABLE queues (
  sequence INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  doc TEXT NOT NULL,
  body BLOB NOT NULL
) STRICT;

CREATE INDEX queues_by_name ON queues (name, sequence);

CREATE TABLE outbox (
  sequence INTEGER PRIMARY KEY,
  event TEXT NOT NULL
) STRICT;

-- Numbers that must survive the rows they come from: 'outbox' and 'queues'.
CREATE TABLE marks (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Blocks of messages that were committed together.
CREATE TABLE log (
  position INTEGER PRIMARY KEY, -- partition * 2^40 + sequence number of the first message: each partition is one range
  count INTEGER NOT NULL, -- messages of the block; their numbers have no gaps
  enqueued INTEGER NOT NULL, -- of the first message; never falls within a partition
  before INTEGER NOT NULL, -- bytes of bodies ever appended to the partition before the block
  heads TEXT NOT NULL, -- JSON: who sent them, and of each message its length, time and properties
  bodies BLOB NOT NULL -- one behind the other
) STRICT;

-- The newest message that was dropped from each partition.
CREATE TABLE log_trims (
  partition INTEGER PRIMARY KEY,
  sequence_number INTEGER NOT NULL,
  enqueued INTEGER NOT NULL,
  total INTEGER NOT NULL
) STRICT;
