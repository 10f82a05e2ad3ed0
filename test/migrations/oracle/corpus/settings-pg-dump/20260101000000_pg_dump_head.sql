-- migrate:up
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.dumped (id integer NOT NULL, name character varying(20));
ALTER TABLE ONLY public.dumped ADD CONSTRAINT dumped_pkey PRIMARY KEY (id);
INSERT INTO public.dumped VALUES (1, 'one');
CREATE FUNCTION public.unchecked() RETURNS int LANGUAGE sql AS 'SELECT n FROM public.is_made_later';

-- migrate:down
DROP FUNCTION public.unchecked();
DROP TABLE public.dumped;
