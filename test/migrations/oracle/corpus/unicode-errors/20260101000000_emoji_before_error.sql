-- migrate:up
CREATE TABLE before_error (t text);
INSERT INTO before_error VALUES ('😀😀😀😀😀😀');
/* 🚀🚀🚀 */ INSERT INTO before_error VALUES ('ü', 'too many');

-- migrate:down
DROP TABLE before_error;
