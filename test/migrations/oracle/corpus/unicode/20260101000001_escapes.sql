-- migrate:up
INSERT INTO wörter (wort) VALUES (U&'\0441\043B\043E\043D'), (E'\U0001F418'), (chr(128512)), (U&'\+01F680');
CREATE TABLE U&"d\0061t\+000061" (x int);

-- migrate:down
DROP TABLE data;
DELETE FROM wörter WHERE wort IN ('слон', '🐘', '😀', '🚀');
