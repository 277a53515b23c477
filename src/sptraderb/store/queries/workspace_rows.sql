-- insert_workspace --
-- Silent on an id that exists, so the caller can look whose it is.
INSERT INTO sptraderb.workspaces (id, owner, name, data) VALUES ($1, $2, $3, $4)
ON CONFLICT (id) DO NOTHING
RETURNING id, name, NULL AS data, revision, created_at, updated_at;

-- replace_workspace --
-- One statement judges revision and owner and writes, so no update is lost.
UPDATE sptraderb.workspaces
   SET name = $3, data = $4, revision = revision + 1, updated_at = now()
 WHERE id = $1 AND owner = $2 AND ($5::bigint IS NULL OR revision = $5)
RETURNING id, name, NULL AS data, revision, created_at, updated_at;

-- read_workspace --
-- Another user's workspace is not found.
SELECT id, name, data, revision, created_at, updated_at
  FROM sptraderb.workspaces WHERE id = $1 AND owner = $2;

-- list_workspaces --
-- Keyset paging; no data, which may be large.
SELECT id, name, NULL AS data, revision, created_at, updated_at
  FROM sptraderb.workspaces
 WHERE owner = $1 AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3::uuid))
 ORDER BY created_at DESC, id DESC
 LIMIT $4;

-- revision_of --
-- To tell a changed workspace from one that is not there.
SELECT revision FROM sptraderb.workspaces WHERE id = $1 AND owner = $2;

-- delete_workspace --
-- As replace_workspace: judged and done in one statement.
DELETE FROM sptraderb.workspaces
 WHERE id = $1 AND owner = $2 AND ($3::bigint IS NULL OR revision = $3)
RETURNING id;
