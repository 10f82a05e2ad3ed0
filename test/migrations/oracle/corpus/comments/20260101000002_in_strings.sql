-- migrate:up
CREATE TABLE strings (n serial, s text);
INSERT INTO strings (s) VALUES ('-- not a comment'), ('a; b'), ('it''s'), (E'it\'s; \\'), ('back\slash'), ('/* '), ('*/'),
  ('two
lines; with -- dashes
and ''quotes'''), ('a' 
  'b'), (E'\u00e4\x41\101'), (N'national'), (U&'d!0061t!+000061' UESCAPE '!'), (B'101'::text), (X'1F'::text), ($$$$), ('$$'),
  ('\.'), ('\N'), ('%s %I %L %%'), ('{{ template }}'), ('${VARIABLE} $HOME `id`'), (':variable :''quoted'' :"ident"');

-- migrate:down
DROP TABLE strings;
