CREATE TABLE without_marker (n int);
