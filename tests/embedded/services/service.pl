# A web service in plain Perl, as small as can be: HTTP/1.0, one request a connection, and its end is the end of the answer.
use strict;
use warnings;
use IO::Socket::INET;

my $server = IO::Socket::INET->new(LocalAddr => $ARGV[0], Listen => 16, ReuseAddr => 1) or die "$ARGV[0]: $@";
while (my $client = $server->accept) {
    my ($request, $headers, $length) = (scalar(<$client>) // '', '', 0);
    while (defined(my $line = <$client>)) {
        last if $line =~ /^\r?\n$/;
        $length = $1 if $line =~ /^Content-Length:\s*(\d+)/i;
        $headers .= $line;
    }
    my $body = '';
    read($client, $body, $length) if $length;
    my ($method, $target) = split ' ', $request;
    if ($target =~ m{^/broken}) {
        print $client "HTTP/1.0 500 Oops\r\nContent-Type: text/html\r\n\r\n<h1>The <i>cat</i> is out</h1>";
    } else {
        print $client "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n$method $target\n$headers\n$body";
    }
    close $client;
}
