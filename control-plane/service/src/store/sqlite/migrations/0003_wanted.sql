-- `wanted`: rises where cells are to be looked at at once.
INSERT INTO counters (name, value) VALUES ('wanted', 1);
