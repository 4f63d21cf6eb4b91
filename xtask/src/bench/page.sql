SELECT gpt_id, id, collection, body, version, created_at, updated_at FROM objects
WHERE gpt_id = 'bench' AND collection = 'notes'
ORDER BY created_at DESC, id DESC LIMIT 50;
