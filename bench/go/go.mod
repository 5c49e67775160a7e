// The programs of the measurements: an echo that is the limit of what a backend can reach, a reverse proxy that the gateway is compared with, and the load.
module header-echo/bench

go 1.26
