-- migrate:up
CREATE TEMP TABLE shadowed (t text);
INSERT INTO shadowed VALUES ('temporary');
INSERT INTO public.shadowed VALUES (1);
-- migrate:down
DELETE FROM public.shadowed;
