module header-echo.example/services/go

go 1.26
