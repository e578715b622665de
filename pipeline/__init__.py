"""The pure core: tables in, tables out. No clock, no I/O, no logging; time, law and balances are arguments."""
