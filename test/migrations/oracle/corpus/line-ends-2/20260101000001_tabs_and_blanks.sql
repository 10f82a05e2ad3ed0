-- migrate:up
	CREATE	TABLE	tabs
	(	n	int	)	;	
INSERT INTO tabs VALUES (1);

-- migrate:down
	DROP TABLE tabs;	
