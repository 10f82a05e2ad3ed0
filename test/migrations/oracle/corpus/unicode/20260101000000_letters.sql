-- migrate:up
CREATE TABLE wörter (wort text COLLATE "C" PRIMARY KEY, "anzahl 😀" int DEFAULT 1);
INSERT INTO wörter (wort) VALUES ('Ärger'), ('日本語'), ('العربية'), ('👨‍👩‍👧'), ('é'), ('é'), ('​zero width'), (' nbsp');
COMMENT ON TABLE wörter IS '🚀 – “quoted” … ½';

-- migrate:down
DROP TABLE wörter;
