-- migrate:up
CREATE TABLE what (what text, detail text, hint text);
INSERT INTO what SELECT 'what', 'detail', 'hint';
INSERT INTO what (what, detail) SELECT what, detail FROM what WHERE hint IS NOT NULL;
CREATE TABLE login (caller text DEFAULT current_user, versions int, checksums text);
INSERT INTO login (versions) VALUES (1);

-- migrate:down
DROP TABLE what, login;
