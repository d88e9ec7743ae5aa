-- What is read of a cell's namespaces are those that are not deleted.
DROP INDEX namespaces_by_cell;
CREATE INDEX namespaces_in_cell ON namespaces (cell_id) WHERE state <> 'deleted';
