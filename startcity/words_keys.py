# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The Italian of the commands for keys: `operator` and `node move`. Joined in `words.py`."""

from __future__ import annotations

PAIRS: tuple[tuple[str, str], ...] = (
    (
        "Ask all nodes, or those named, to move to key generation N, after a gateway was stolen."
        "\n\nTheir roots of N come first, from the vault (`vault commission --generation N --out FILE`, then `node import "
        "FILE`), at every gateway "
        "that hears them. A node that was heard under N has moved; nodes that do not answer are asked again by calling this "
        "again. Frames under older generations then count only for the epochs that were heard before, and for the days of "
        "`old_generation_days`."
        "\n\nExit code 0: all have moved; 1: some have not yet, or have no root of N; 2: a setting is wrong.",
        "Chiede a tutti i nodi, o a quelli indicati, di passare alla generazione di chiavi N, dopo il furto di un gateway."
        "\n\nPrima vengono le loro radici di N, dal caveau (`vault commission --generation N --out FILE`, poi `node import "
        "FILE`), in ogni gateway "
        "che li sente. Un nodo sentito sotto N è passato; a quelli che non rispondono si chiede di nuovo ripetendo il comando. "
        "I frame sotto generazioni precedenti valgono allora solo per le epoche già sentite, e per i giorni di "
        "`old_generation_days`."
        "\n\nCodice d'uscita 0: tutti sono passati; 1: alcuni non ancora, o non hanno una radice di N; 2: un'impostazione è "
        "errata.",
    ),
    (
        "Generation {generation}: moved {moved}, to move {asked}, without root {rootless}.",
        "Generazione {generation}: passati {moved}, da passare {asked}, senza radice {rootless}.",
    ),
    (
        "Make and show the key of a person who may command gateways.",
        "Creare e mostrare la chiave di chi può comandare i gateway.",
    ),
    (
        "Make an operator's key, and its public half beside it; one that is there is kept."
        "\n\nThe private key stays with the operator. The public half goes to each gateway: `startcity gateway operator add`.",
        "Crea la chiave di un operatore, e accanto la sua metà pubblica; se esiste già, resta."
        "\n\nLa chiave privata resta all'operatore. La metà pubblica va a ogni gateway: `startcity gateway operator add`.",
    ),
    ("Make the key of a person who may command gateways.", "Creare la chiave di chi può comandare i gateway."),
    (
        "Node {node}: no root of generation {generation} here; import it.",
        "Nodo {node}: qui manca la radice della generazione {generation}; importarla.",
    ),
    ("Node {node}: not moved yet.", "Nodo {node}: non ancora passato."),
    ("Only show how far the move has come.", "Mostra solo a che punto è il passaggio."),
    (
        "Public half: {file} (key {key_id}). Give it to the gateways.",
        "Metà pubblica: {file} (chiave {key_id}). Darla ai gateway.",
    ),
    (
        "Show the id of a public or private key, by which gateways and answers name it.",
        "Mostra l'identificativo di una chiave pubblica o privata, con cui gateway e risposte la indicano.",
    ),
    ("The gateway does not know node {node}.", "Il gateway non conosce il nodo {node}."),
    ("The private key to make, mode 0600.", "La chiave privata da creare, modo 0600."),
    ("{file}: a new private key, mode 0600.", "{file}: una nuova chiave privata, modo 0600."),
    (
        "{file}: a private key is there already; it is kept.",
        "{file}: c'è già una chiave privata; resta.",
    ),
)
