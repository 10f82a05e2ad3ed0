-- migrate:up
CREATE TABLE before_syntax_error (t text);
INSERT INTO before_syntax_error VALUES ('😀😀😀😀😀😀');
/* 🚀🚀🚀 */ INSRT INTO before_syntax_error VALUES ('ü');

-- migrate:down
DROP TABLE before_syntax_error;
