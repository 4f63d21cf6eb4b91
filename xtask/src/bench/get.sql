\set number random(1, :objects)
SELECT gpt_id, id, collection, body, version, created_at, updated_at FROM objects
WHERE gpt_id = 'bench' AND id = ('01900000-0000-7000-8000-' || lpad(to_hex(:number::bigint), 12, '0'))::uuid;
