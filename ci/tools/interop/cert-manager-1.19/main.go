// Command cert-manager is what tests need of cert-manager, in one process: the controllers of self-signed and CA issuers,
// and the injector of caBundle into APIServices. (No Go proxy serves its own, nested, programs; their packages it does.)
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/klog/v2"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/cert-manager/cert-manager/pkg/api"
	"github.com/cert-manager/cert-manager/pkg/controller"
	"github.com/cert-manager/cert-manager/pkg/controller/cainjector"
	// Each of these registers itself with controller.Known or as an issuer.
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/approver"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/ca"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/issuing"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/keymanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/readiness"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/requestmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/revisionmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/trigger"
	_ "github.com/cert-manager/cert-manager/pkg/controller/clusterissuers"
	_ "github.com/cert-manager/cert-manager/pkg/controller/issuers"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
)

func main() {
	namespace := flag.String("cluster-resource-namespace", "cert-manager", "namespace of the Secrets of ClusterIssuers")
	flag.Parse() // --kubeconfig comes with controller-runtime; empty means the pod's ServiceAccount
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ctrl.SetLogger(klog.Background())
	err := run(ctx, flag.Lookup("kubeconfig").Value.String(), *namespace)
	if err != nil && ctx.Err() == nil { // after a signal, a part that did not get ready in time is not a failure
		fmt.Fprintln(os.Stderr, "cert-manager:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, kubeconfig, namespace string) error {
	// For the injector, and before anything reads it: the controllers look objects up in the same scheme, which takes no lock.
	utilruntime.Must(clientscheme.AddToScheme(api.Scheme))
	utilruntime.Must(apiregistration.AddToScheme(api.Scheme))
	parts, ctx := errgroup.WithContext(ctx)
	options := controller.ContextOptions{
		Kubeconfig: kubeconfig, IssuerOptions: controller.IssuerOptions{ClusterResourceNamespace: namespace},
		KubernetesAPIQPS: 20, KubernetesAPIBurst: 50, // cert-manager's own defaults; client-go's are 5 and 10
	}
	setBackoff(&options.CertificateOptions)
	factory, err := controller.NewContextFactory(ctx, options)
	if err != nil {
		return err
	}
	for name, construct := range controller.Known() {
		part, err := construct(factory)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		parts.Go(func() error { return part.Run(5, ctx) }) // 5 workers is cert-manager's default
	}
	injector, err := factory.Build("cainjector") // also names the field manager
	if err != nil {
		return err
	}
	parts.Go(func() error { return inject(ctx, injector) })
	injector.SharedInformerFactory.Start(ctx.Done()) // one for all contexts of the factory
	injector.KubeSharedInformerFactory.Start(ctx.Done())
	return parts.Wait()
}

func inject(ctx context.Context, from *controller.Context) error {
	manager, err := ctrl.NewManager(from.RESTConfig, ctrl.Options{
		Scheme:  api.Scheme, // Secrets are watched as metadata only, so reading one must go past the cache
		Client:  client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}}}},
		Metrics: metricsserver.Options{BindAddress: "0"},
	})
	if err != nil {
		return err
	}
	injectors := cainjector.SetupOptions{EnableCertificatesDataSource: true,
		EnabledReconcilersFor: map[string]bool{cainjector.APIServiceName: true}}
	if err := cainjector.RegisterAllInjectors(ctx, manager, injectors); err != nil {
		return err
	}
	return manager.Start(ctx)
}
