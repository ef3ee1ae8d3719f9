package lowrank

// Modes split the M rows and K columns of a matrix into D factors each, for tensor trains.
type Modes struct{ Rows, Cols []int }
