"""A training program with Hydra."""

import hydra


@hydra.main(version_base=None, config_path="python_hydra_conf", config_name="config")
def train(cfg):
    print("val_loss:", (cfg.optimizer.lr - 0.1) ** 2)


train()
