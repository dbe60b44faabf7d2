"""The query language: text to tokens to tree to text; knows no store and no Django."""
