"""How much of something may happen: counted atomically, by one process or by all of them.

`rules` decides and is pure; `memory` keeps the counts in this process, `shared` in Redis; `process`
says which of the two it is here.
"""
