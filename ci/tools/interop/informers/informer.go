package main

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

func informer(ctx context.Context, config *rest.Config, resource schema.GroupVersionResource, _, namespace string) error {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	informer := dynamicinformer.NewFilteredDynamicInformer(client, resource, namespace, 0, cache.Indexers{}, nil).Informer()
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(item any) { said(item.(*unstructured.Unstructured)) },
		UpdateFunc: func(_, item any) { said(item.(*unstructured.Unstructured)) },
		DeleteFunc: func(item any) {
			name, _ := cache.DeletionHandlingObjectToName(item)
			fmt.Println("deleted", name.Name)
		},
	})
	if err != nil {
		return err
	}
	go informer.Run(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return errors.New("it never synced")
	}
	fmt.Println("synced")
	<-ctx.Done()
	return ctx.Err()
}
