package main

import (
	"net/http"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/apis/example"
)

// pods is a watch of pods. It keeps as many events for a slow reader as the watch of etcd does, and as many are there once it is stopped.
type pods struct {
	events  watch.Interface
	told    chan watch.Event
	stopped chan struct{}
	once    sync.Once
}

func newPods(events watch.Interface) *pods {
	p := &pods{events: events, told: make(chan watch.Event, 100), stopped: make(chan struct{})}
	go p.tell()
	return p
}

func (p *pods) ResultChan() <-chan watch.Event { return p.told }

func (p *pods) Stop() { p.once.Do(func() { close(p.stopped); p.events.Stop() }) }

func (p *pods) tell() {
	defer close(p.told)
	for event := range p.events.ResultChan() {
		select {
		case <-p.stopped: // what client-go says of a connection that it has closed itself is no event
			return
		default:
		}
		select {
		case p.told <- decoded(event):
		case <-p.stopped:
			return
		}
	}
}

func decoded(event watch.Event) watch.Event {
	item, is := event.Object.(*unstructured.Unstructured)
	if !is {
		return event
	}
	pod := &example.Pod{}
	if event.Type == watch.Bookmark {
		pod.ResourceVersion, pod.Annotations = item.GetResourceVersion(), item.GetAnnotations()
	} else if err := decode(item, pod); err != nil {
		status := metav1.Status{Status: metav1.StatusFailure, Code: http.StatusInternalServerError, Message: err.Error()}
		return watch.Event{Type: watch.Error, Object: &status}
	}
	return watch.Event{Type: event.Type, Object: pod}
}
