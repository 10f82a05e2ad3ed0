-- migrate:up
CREATE TABLE files (name text, content bytea);
INSERT INTO files VALUES ('hex', '\xdeadbeef'), ('escape', 'abc\\153\\154\\155\\052\\251\\124'), ('decoded', decode('AAEC/w==', 'base64'));

-- migrate:down
DROP TABLE files;
