package main

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// manager reconciles: it writes status.replicas, which is the size, and says what it has seen once that is written.
func manager(ctx context.Context, config *rest.Config, resource schema.GroupVersionResource, kind, namespace string) error {
	ctrl.SetLogger(zap.New())
	made, err := ctrl.NewManager(config, ctrl.Options{
		Metrics: server.Options{BindAddress: "0"},
		Cache:   cache.Options{DefaultNamespaces: map[string]cache.Config{namespace: {}}},
		Client:  client.Options{Cache: &client.CacheOptions{Unstructured: true}},
	})
	if err != nil {
		return err
	}
	empty := func() *unstructured.Unstructured {
		item := &unstructured.Unstructured{}
		item.SetGroupVersionKind(resource.GroupVersion().WithKind(kind))
		return item
	}
	reconciler := reconcile.Func(func(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
		item := empty()
		if err := made.GetClient().Get(ctx, request.NamespacedName, item); err != nil {
			if apierrors.IsNotFound(err) {
				fmt.Println("deleted", request.Name)
			}
			return reconcile.Result{}, client.IgnoreNotFound(err)
		}
		size, _, _ := unstructured.NestedInt64(item.Object, "spec", "size")
		if replicas, _, _ := unstructured.NestedInt64(item.Object, "status", "replicas"); replicas == size {
			said(item)
			return reconcile.Result{}, nil
		}
		if err := unstructured.SetNestedField(item.Object, size, "status", "replicas"); err != nil {
			return reconcile.Result{}, err
		}
		return reconcile.Result{}, made.GetClient().Status().Update(ctx, item)
	})
	if err := ctrl.NewControllerManagedBy(made).Named("twins").For(empty()).Complete(reconciler); err != nil {
		return err
	}
	go func() {
		if _, err := made.GetCache().GetInformer(ctx, empty()); err == nil { // it waits for the list
			fmt.Println("synced")
		}
	}()
	return made.Start(ctx)
}
