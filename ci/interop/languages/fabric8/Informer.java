import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import java.util.Map;

/** An informer by fabric8, as tests/resource_checks/informers.py describes them. */
public class Informer {
    static void said(GenericKubernetesResource item) {
        System.out.println("seen " + item.getMetadata().getName() + " " + ((Map<?, ?>) item.get("spec")).get("size"));
    }

    public static void main(String[] words) throws InterruptedException {
        var resource = new ResourceDefinitionContext.Builder()
            .withGroup(words[0]).withVersion(words[1]).withPlural(words[2]).withKind(words[3]).withNamespaced(true).build();
        var handler = new ResourceEventHandler<GenericKubernetesResource>() {
            public void onAdd(GenericKubernetesResource item) { said(item); }
            public void onUpdate(GenericKubernetesResource old, GenericKubernetesResource item) { said(item); }
            public void onDelete(GenericKubernetesResource item, boolean missed) {
                System.out.println("deleted " + item.getMetadata().getName());
            }
        };
        try (var client = new KubernetesClientBuilder().build()) {
            var informer = client.genericKubernetesResources(resource).inNamespace(words[4]).inform(handler);
            while (!informer.hasSynced()) Thread.sleep(50);
            System.out.println("synced");
            Thread.currentThread().join();
        }
    }
}
