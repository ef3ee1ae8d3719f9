// Package student builds networks: named architectures with fresh weights, and
// students derived from a given network. Teachers of these architectures are
// built here too; what makes a network a student is how it is trained.
package student
