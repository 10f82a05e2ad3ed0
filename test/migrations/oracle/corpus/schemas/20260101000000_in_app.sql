-- migrate:up
CREATE TABLE app.things (id int PRIMARY KEY);
CREATE TYPE app.state AS ENUM ('on', 'off');
CREATE TABLE public.things (id int REFERENCES app.things, state app.state DEFAULT 'on');
INSERT INTO app.things VALUES (1);
INSERT INTO public.things VALUES (1);
CREATE VIEW app.all_things AS SELECT a.id, p.state FROM app.things a JOIN public.things p USING (id);

-- migrate:down
DROP VIEW app.all_things;
DROP TABLE public.things, app.things;
DROP TYPE app.state;
