-- take_strategy --
-- Makes the row or locks the one of that name, whatever its case, so two saves of one name go one by one.
INSERT INTO sptraderb.strategies AS s (owner, name) VALUES ($1, $2)
ON CONFLICT (owner, lower(name)) DO UPDATE SET name = CASE WHEN s.hidden_at IS NULL THEN s.name ELSE excluded.name END
RETURNING id, name, folder, current_revision, hidden_at;

-- current_text --
-- To see whether a save changes anything.
SELECT text FROM sptraderb.strategy_revisions WHERE strategy_id = $1 AND revision = $2;

-- insert_revision --
-- Never updated afterwards: runs pin it.
INSERT INTO sptraderb.strategy_revisions (strategy_id, revision, text, description, version, valid)
VALUES ($1, $2, $3, $4, $5, $6);

-- settle_strategy --
-- A hidden strategy that is saved again is seen again.
UPDATE sptraderb.strategies SET current_revision = $2, folder = $3, hidden_at = NULL WHERE id = $1;

-- read_strategy --
-- The current revision of what is not hidden.
SELECT s.name, s.folder, r.revision, r.text, r.description, r.version, r.valid, r.created_at
  FROM sptraderb.strategies AS s
  JOIN sptraderb.strategy_revisions AS r ON r.strategy_id = s.id AND r.revision = s.current_revision
 WHERE s.owner = $1 AND lower(s.name) = lower($2) AND s.hidden_at IS NULL;

-- read_revision --
-- Hidden ones too: a run keeps its revision.
SELECT s.name, s.folder, r.revision, r.text, r.description, r.version, r.valid, r.created_at
  FROM sptraderb.strategies AS s
  JOIN sptraderb.strategy_revisions AS r ON r.strategy_id = s.id AND r.revision = $3
 WHERE s.owner = $1 AND lower(s.name) = lower($2);

-- list_strategies --
-- In the order of the unique index; no text, which may be long.
SELECT s.name, s.folder, r.revision, NULL AS text, r.description, r.version, r.valid, r.created_at
  FROM sptraderb.strategies AS s
  JOIN sptraderb.strategy_revisions AS r ON r.strategy_id = s.id AND r.revision = s.current_revision
 WHERE s.owner = $1 AND s.hidden_at IS NULL AND ($2::text IS NULL OR lower(s.name) > $2)
 ORDER BY lower(s.name)
 LIMIT $3;

-- list_revisions --
-- Newest first, by the primary key.
SELECT s.name, s.folder, r.revision, NULL AS text, r.description, r.version, r.valid, r.created_at
  FROM sptraderb.strategies AS s
  JOIN sptraderb.strategy_revisions AS r ON r.strategy_id = s.id
 WHERE s.owner = $1 AND lower(s.name) = lower($2) AND s.hidden_at IS NULL
   AND ($3::integer IS NULL OR r.revision < $3)
 ORDER BY r.revision DESC
 LIMIT $4;

-- hide_strategy --
-- Rows stay, since runs refer to their revisions.
UPDATE sptraderb.strategies SET hidden_at = now()
 WHERE owner = $1 AND lower(name) = lower($2) AND hidden_at IS NULL
RETURNING id;
