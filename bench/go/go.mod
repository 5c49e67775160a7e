// The two programs of the measurements: an echo that is the limit of what a backend can reach, and the load.
module header-echo/bench

go 1.26
