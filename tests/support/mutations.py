"""Mistakes in the manifests that the checks must find: a file, the replaced text (None: the file is
new), the new text, and the check. Paths are relative to k8s/, or to the repository if they begin
with a slash. Only for checks that could pass for a wrong reason: loops, sets, patterns, rules."""

from support.manifests import NAME

POD = "serviceAccountName: payment-provider"
MATCH = f"matchLabels:\n      {NAME}: "
SELECTOR = f"selector:\n    {NAME}: "

MUTATIONS = [
    # Files
    ("invoice-app/pdb.yaml", "namespace: invoicing", "namespace: payments",
     "test_each_file_has_one_object_of_its_services_namespace"),
    ("invoice-app/token.yaml", None,
     "kind: Secret\nmetadata: {name: provider-token, namespace: invoicing}\n",
     "test_takes_the_token_from_a_secret_that_is_not_in_the_repository"),
    ("a/pod.yaml", None, "kind: Pod\nmetadata: {name: a, namespace: other}\n",
     "test_kubectl_can_apply_them_all_in_the_order_of_their_paths"),
    # Exemptions from the linters
    *(
        (path, old, new, "test_exemptions_from_the_linters_have_their_reason_in_the_docs")
        for path, old, new in (
            ("invoice-app/deployment.yaml", "priorityClassNotSet-exempt", "other-exempt"),
            ("payment-provider/deployment.yaml", "ignore-check.kube-linter.io/no-anti-affinity",
             "kube-linter.io/ignore-all"),
            ("/docs/kubernetes.md", "`service-type`", "service-type"),
        )
    ),
    # Pod Security, one for each kind of rule
    *(
        ("payment-provider/deployment.yaml", old, new,
         "test_meet_the_restricted_pod_security_standard")
        for old, new in (
            (POD, "hostNetwork: true\n      " + POD),
            ("privileged: false", "privileged: true"),
            ("                - ALL\n", "                - NET_RAW\n"),
            ("persistentVolumeClaim:\n            claimName: payment-provider-data",
             "hostPath:\n            path: /var/lib"),
            ("containerPort: 8082", "containerPort: 8082\n              hostPort: 8082"),
            ("path: /readyz", "path: /readyz\n              host: 169.254.169.254"),
            ("        prometheus.io/port", "        container.apparmor.security.beta.kubernetes.io/"
             "payment-provider: unconfined\n        prometheus.io/port"),
            ("privileged: false", "privileged: false\n            procMount: Unmasked"),
            ("privileged: false",
             "privileged: false\n            seccompProfile: {type: Unconfined}"),
            ("fsGroup:", "sysctls: [{name: kernel.msgmax, value: '1'}]\n        fsGroup:"),
            ("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"),
            ("privileged: false", "privileged: false\n            runAsNonRoot: false"),
            ("privileged: false", "privileged: false\n            runAsUser: 0"),
        )
    ),
    # Pods
    ("invoice-app/deployment.yaml", "memory: 1Gi", "memory: 2Gi",
     "test_ask_for_resources_and_limit_memory_and_storage"),
    *(
        ("invoice-app/" + file, old, new, "test_fit_into_the_quota_while_all_are_replaced")
        for file, old, new in (
            ("resourcequota.yaml", 'pods: "9"', 'pods: "8"'),
            ("resourcequota.yaml", "limits.memory: 9Gi", "limits.memory: 7Gi"),
            ("pvc.yaml", "storage: 1Gi", "storage: 10Gi"),
        )
    ),
    ("invoice-app/pdb.yaml", MATCH + "invoice-app", MATCH + "other",
     "test_are_never_fewer_than_three_during_an_update"),
    ("invoice-app/deployment.yaml", "GracePeriodSeconds: 45", "GracePeriodSeconds: 30",
     "test_have_time_to_drain_and_to_finish"),
    ("invoice-app/deployment.yaml", "image: invoice-app:", "image: invoice-app:latest # ",
     "test_take_images_that_are_tagged_and_already_there"),
    ("invoice-app/deployment.yaml", "image: invoice-app:", "image: invoice-app # ",
     "test_take_images_that_are_tagged_and_already_there"),
    # Network
    ("payment-provider/service.yaml", SELECTOR + "payment-provider", SELECTOR + "provider",
     "test_services_lead_to_the_pods_public_port"),
    ("payment-provider/service.yaml", "type: ClusterIP",
     "type: ClusterIP\n  externalIPs: [192.0.2.1]",
     "test_only_invoice_app_can_be_reached_from_outside"),
    ("invoice-app/cronjob.yaml", "name: timeout\n                value: \"1\"",
     "name: timeout\n                value: \"5\"", "test_a_call_outlasts_lost_responses_of_dns"),
    ("payment-provider/networkpolicy-default-deny.yaml", "podSelector: {}",
     "podSelector: {}\n  ingress: [{}]", "test_everything_is_denied_unless_a_policy_allows_it"),
    *(
        ("payment-provider/networkpolicy.yaml", old, new,
         "test_policies_admit_exactly_the_pairs_that_are_needed")
        for old, new in (
            # Another element where one with both selectors is meant: the classic mistake.
            ("          podSelector:", "        - podSelector:"),
            ("name: invoicing", "name: default"),
            ("                  - invoice-app\n", "                  - other\n"),
            ("          podSelector:\n            matchExpressions:\n              - key: " + NAME
             + "\n                operator: In\n                values:\n"
             "                  - invoice-app\n                  - invoice-app-audit\n", ""),
            ("port: 8082", "port: 8082\n          endPort: 9082"),
            ("        - port: 8082\n", "        - port: 8082\n        -\n"),
            ("      ports:\n        - port: 9082\n          protocol: TCP\n", ""),
            ("egress: []", "egress: [{}]"),
            ("  ingress:\n", "  ingress:\n    - {}\n"),
            ("  ingress:\n", "  ingress:\n    - from: [{ipBlock: {cidr: 10.0.0.0/8}}]\n"),
        )
    ),
    *(
        ("invoice-app/networkpolicy.yaml", old, new,
         "test_policies_admit_exactly_the_pairs_that_are_needed")
        for old, new in (
            ("    - ports: # from anywhere", "    - from: [{namespaceSelector: {}}]\n      ports:"),
            ("169.254.20.10/32", "169.254.0.0/16"),
            ("protocol: UDP", "protocol: TCP"),
            ("  egress:\n", "  egress:\n    - ports: [{port: 443}]\n"),
        )
    ),
    # Configuration
    ("payment-provider/configmap.yaml", "  LOG_LEVEL", "  PAY_WAIT_SECONDS: '1'\n  LOG_LEVEL",
     "test_has_only_variables_that_the_program_reads"),
    ("invoice-app/configmap.yaml", 'PORT: "8081"\n  A', "PORT: 8081\n  A",
     "test_is_text_and_all_of_it_reaches_the_container"),
    ("invoice-app/configmap.yaml", "sqlite:/data/", "sqlite:/var/",
     "test_keeps_the_data_on_the_volume"),
    # The audit
    ("invoice-app/cronjob.yaml", 'schedule: "17 * * * *"', 'schedule: "17 3 * * *"',
     "test_runs_each_hour_and_ends_before_the_next"),
    ("invoice-app/cronjob.yaml", f"          labels:\n            {NAME}: invoice-app-audit",
     f"          labels:\n            {NAME}: invoice-app",
     "test_gets_no_requests_and_does_not_count_as_a_replica"),
    ("invoice-app/cronjob.yaml", "runAsNonRoot: true", "runAsNonRoot: false",
     "test_meet_the_restricted_pod_security_standard"),
    ("invoice-app/cronjob.yaml", "allowPrivilegeEscalation: false", "runAsUser: 1000",
     "test_run_as_the_user_of_the_image"),
    ("invoice-app/networkpolicy-audit.yaml", "ingress: []", "ingress: [{}]",
     "test_policies_admit_exactly_the_pairs_that_are_needed"),
    # Access
    ("invoice-app/role.yaml", "[pods/log]", "[pods/log, secrets]",
     "test_is_to_named_things_and_neither_to_secrets_nor_into_pods"),
    ("invoice-app/role.yaml", "[pods/portforward]", "[pods/exec]",
     "test_is_to_named_things_and_neither_to_secrets_nor_into_pods"),
    ("invoice-app/role.yaml", "[networkpolicies]\n    verbs: [get,",
     "[networkpolicies]\n    verbs: [get, create,",
     "test_is_to_named_things_and_neither_to_secrets_nor_into_pods"),
    ("invoice-app/role.yaml", "[deployments/scale]", '["*"]',
     "test_is_to_named_things_and_neither_to_secrets_nor_into_pods"),
    # Compose
    ("/docker-compose.yml", "file: build/secrets", "file: secrets",
     "test_takes_secrets_from_where_git_does_not_look"),
    ("/docker-compose.yml", '"127.0.0.1:8081:8081"', '"8081:8081"',
     "test_lets_nobody_but_invoice_app_reach_the_provider"),
    ("/docker-compose.yml", "networks: [payments]",
     "networks: [payments]\n    ports: ['8082:8082']",
     "test_lets_nobody_but_invoice_app_reach_the_provider"),
]  # fmt: skip
