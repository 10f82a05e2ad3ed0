-- migrate:up
CREATE TABLE both_marks (n int);
INSERT INTO both_marks VALUES (1);

-- migrate:down
DROP TABLE both_marks;
