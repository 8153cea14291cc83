"""Avro, as far as specs need it: schemas as values, and containers read within bounds."""
