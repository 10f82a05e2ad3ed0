-- migrate:up
ALTER TABLE public.shadowed ADD COLUMN m int;
-- migrate:down
ALTER TABLE public.shadowed DROP COLUMN m;
