-- migrate:up
\restrict dGhpcyBpcyBub3QgYSBzZWNyZXQ
SET statement_timeout = 0;
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
CREATE TABLE public.copied (id integer GENERATED ALWAYS AS IDENTITY, "a name, quoted" text, amounts numeric[], raw bytea);
CREATE TABLE public.not_copied (t text DEFAULT '
COPY public.copied (id) FROM stdin;
1
\.
');
--
-- Data for Name: copied; Type: TABLE DATA; Schema: public; Owner: settlement_owner
--

COPY public.copied (id, "a name, quoted", amounts, raw) FROM stdin;
1	it's; -- "one"	{1,2.5}	\\xdeadbeef
2	\N	\N	\N
3	a\tb\\c\nd\\N	{}	\\x
4		{NULL}	\N
\.

COPY public.not_copied (t) FROM stdin;
\.
SELECT pg_catalog.setval('public.copied_id_seq', 4, true);
\unrestrict dGhpcyBpcyBub3QgYSBzZWNyZXQ

-- migrate:down
DROP TABLE public.copied, public.not_copied;
