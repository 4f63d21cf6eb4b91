-- What others insert into: the same columns, indexes and foreign keys as `objects`.
CREATE TABLE bench_objects (LIKE objects INCLUDING ALL);
DO $$
DECLARE foreign_key record;
BEGIN
    FOR foreign_key IN
        SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint
        WHERE conrelid = 'objects'::regclass AND contype = 'f'
    LOOP
        EXECUTE format('ALTER TABLE bench_objects ADD CONSTRAINT %I %s', foreign_key.conname, foreign_key.definition);
    END LOOP;
END $$;
