// An informer by @kubernetes/client-node, as tests/resource_checks/informers.py describes them.
import {CustomObjectsApi, KubeConfig, makeInformer} from '@kubernetes/client-node';

const [group, version, plural, , namespace] = process.argv.slice(2);
const config = new KubeConfig();
config.loadFromDefault();
const objects = config.makeApiClient(CustomObjectsApi);
const path = `/apis/${group}/${version}/namespaces/${namespace}/${plural}`;
const informer = makeInformer(config, path, () => objects.listNamespacedCustomObject({group, version, namespace, plural}));
const said = (item) => console.log(`seen ${item.metadata.name} ${item.spec.size}`);
informer.on('add', said);
informer.on('update', said);
informer.on('delete', (item) => console.log(`deleted ${item.metadata.name}`));
// It ends with an error, and whoever has it starts it again: https://github.com/kubernetes-client/javascript#informers
const start = () => informer.start().then(() => console.log('synced')).catch(again);
const again = (error) => {
  console.error(String(error));
  setTimeout(start, 1000);
};
informer.on('error', again);
start();
