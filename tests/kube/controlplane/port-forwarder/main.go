// Command port-forwarder is a kubelet's end of `kubectl port-forward`, made of the kubelet's own streaming code, for one connection: its
// standard input is a socket with the request and all that follows, its argument the address of the pod. It ends with the connection.
package main

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"k8s.io/cri-streaming/pkg/streaming/portforward"
)

const idle, streamCreation = 4 * time.Hour, 30 * time.Second // as kubelets have them

type pod string // its address

func (p pod) PortForward(_ context.Context, _, _ string, port int32, stream io.ReadWriteCloser) error {
	connection, err := net.Dial("tcp", net.JoinHostPort(string(p), strconv.Itoa(int(port))))
	if err != nil {
		return err
	}
	defer connection.Close()
	go func() {
		io.Copy(connection, stream)
		connection.(*net.TCPConn).CloseWrite()
	}()
	_, err = io.Copy(stream, connection)
	return err
}

// final is a connection whose end is the program's.
type final struct{ net.Conn }

func (f final) Close() error {
	defer os.Exit(0)
	return f.Conn.Close()
}

// once accepts one connection, and waits for ever for another.
type once chan net.Conn

func (o once) Accept() (net.Conn, error) { return <-o, nil }
func (o once) Close() error              { return nil }
func (o once) Addr() net.Addr            { return &net.UnixAddr{} }

func main() {
	connection, err := net.FileConn(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	connections := make(once, 1)
	connections <- final{connection}
	handler := func(w http.ResponseWriter, r *http.Request) {
		portforward.ServePortForward(
			w, r, pod(os.Args[1]), "", "", &portforward.V4Options{}, idle, streamCreation, portforward.SupportedProtocols)
	}
	server := http.Server{Handler: http.HandlerFunc(handler)}
	server.SetKeepAlivesEnabled(false) // a request that is refused is the last one too
	log.Fatal(server.Serve(connections))
}
