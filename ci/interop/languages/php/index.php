<?php
// Every PHP program sees the headers of a request so: '-' and '_' become one, and the last of two wins.
header('Content-Type: application/json');
if (strpos($_SERVER['REQUEST_URI'], '/broken') === 0) {
    http_response_code(500);
    header('Content-Type: text/html');
    echo '<html><body><h1>Fatal error</h1>Call to undefined function <b>tomorrow()</b></body></html>';
} else {
    setcookie('visits', 1 + (int) ($_COOKIE['visits'] ?? 0));
    echo json_encode([
        'server' => $_SERVER, 'query' => $_GET, 'form' => $_POST, 'cookies' => $_COOKIE,
        'length' => strlen(file_get_contents('php://input')),
    ]);
}
